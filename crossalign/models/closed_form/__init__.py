"""Models with a closed form: linear maps and class Gaussians, no epochs."""
