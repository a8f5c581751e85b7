"""The consistency checker: what clients wrote and read over HTTP, judged against each other."""
