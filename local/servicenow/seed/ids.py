"""The sys_ids of demo records."""

import hashlib

# Those that every real instance has for its demo records.
_KNOWN = {
    "user admin": "6816f79cc0a8016401c5a33be04be441",
    "user problem.admin": "26fbff173b331300ad3cc9bb34efc4bd",
    "user problem.manager": "73ab3f173b331300ad3cc9bb34efc4df",
    "user natasha.ingram": "46c5bf6ca9fe1981010713e3ac7d3384",
    "user abraham.lincoln": "a8f98bb0eb32010045e1a5115206fe3a",
    "user abel.tuter": "62826bf03710200044e0bfc8bcbe5df1",
    "user fred.luddy": "5137153cc611227c000bbd1bd8cd2005",
    "user beth.anglin": "46d44a23a9fe19810012d100cca80666",
    "user david.loo": "5137153cc611227c000bbd1bd8cd2007",
    "user don.goodliffe": "9ee1b13dc6112271007f9d0efdb69cd0",
    "user bow.ruggeri": "681ccaf9c0a8016400b98a06818d57c7",
    "user itil": "681b365ec0a80164000fb0b05854a0cd",
    "Network": "287ebd7da9fe198100f92cc8d1d2154e",
    "Database": "287ee6fea9fe198100ada7950d0b1b73",
    "Software": "8a4dde73c6112278017a6a4baf547aa7",
    "Hardware": "8a5055c9c61122780043563ef53438e3",
    "Service Desk": "d625dccec0a8016700a222a0f7900d06",
    "incident 50": "ef43c6d40a0a0b5700c77f9bf387afe3",
    "role admin": "2831a114c611228501d4ea6c309d626d",
    "role itil": "282bf1fac6112285017366cb5f867469",
    "department Finance": "a581ab703710200044e0bfc8bcbe5de8",
    "department IT": "221f79b7c6112284005d646b76ab978c",
    "catalog Service Catalog": "e0d08b13c3330100c8b837659bba8fb4",
    "item New Email Account": "186d917a6fab7980575967ddbb3ee4f2",
    "template Clear BGP sessions on a Cisco router": "508e02ec47410200e90d87e8dee4905b",
    "model normal": "007c4001c343101035ae3f52c1d3aeb2",
    "model emergency": "62a4bd4ac3431010e1bcb13d81d3ae4a",
    "model standard": "e55d0bfec343101035ae3f52c1d3ae49",
}


def sys_id(name: str) -> str:
    """Return the sys_id of a demo record: the same in every instance."""
    return _KNOWN.get(name) or hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
