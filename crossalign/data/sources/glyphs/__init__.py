"""Letters drawn by the typefaces that matplotlib ships."""
