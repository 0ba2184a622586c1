"""File formats as arrays: MATLAB, NumPy, delimited text and pictures, read without trust."""
