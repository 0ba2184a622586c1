"""Class folders of pictures, with what is written of them."""
