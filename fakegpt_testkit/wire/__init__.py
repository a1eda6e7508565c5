"""HTTP as bytes: a tape as what a server would send, when. Knows no HTTP library and no event loop."""
