"""Image models of both libraries, against the libraries."""
