"""The check whether the modes about a minimum have come to rest, or still diffuse."""
