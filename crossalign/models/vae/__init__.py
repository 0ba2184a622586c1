"""Variational autoencoders of several modalities around one latent space."""
