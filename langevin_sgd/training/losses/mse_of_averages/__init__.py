"""The `mse_of_averages` loss, of images that are to be right after averaging."""
