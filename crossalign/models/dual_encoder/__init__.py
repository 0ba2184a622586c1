"""Models in the space of a dual encoder, as CLIP's: the frozen space, and small steps from it."""
