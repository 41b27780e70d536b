"""The composition root: which store and which client a function gets, one of each in a process."""
