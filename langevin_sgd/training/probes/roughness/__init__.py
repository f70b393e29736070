"""The `roughness` probe: the structure function of the loss where training goes, and where its noise-free path does."""
