"""The composition root: which store and client a function gets."""
