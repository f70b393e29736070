"""The `hessian_spectrum` probe: the Hessian's spectrum along training, of networks of any size."""
