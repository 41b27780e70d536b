"""The front that a browser sees of the local cloud."""

import socket

import httpx

from local.front import Front


def test_the_front_door_leads_to_the_settings() -> None:
    """Who types the address alone sees the page where one begins."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    with Front(listener) as front, httpx.Client(trust_env=False) as browser:
        answer = browser.get(f"{front.url}/")
    assert (answer.status_code, answer.headers["location"]) == (302, "/settings")
