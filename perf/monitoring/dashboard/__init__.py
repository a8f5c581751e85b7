"""The performance dashboard, `/admin/perf/`: a verdict per check first, then a page per subject."""
