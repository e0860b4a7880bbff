"""Transfer: a finished network as the backbone of a segmenter or detector (Sec. 4.7 and 4.8, Fig. 11, Tables 12 to 14)."""
