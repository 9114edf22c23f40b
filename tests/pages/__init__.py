"""Every code block of a page runs, in the order of the page, in one small world, or is listed with the reason."""
