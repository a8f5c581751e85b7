"""The only place that writes comics, panels and images."""
