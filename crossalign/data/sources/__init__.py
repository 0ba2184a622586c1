"""One data set or layout per file, or per folder where it needs several; each only reads."""
