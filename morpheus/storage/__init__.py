"""Files of uploads and images: in folders of this machine, or in an object store."""
