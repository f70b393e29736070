"""The one set of observables that every model emits, under the same names, dimensions and units."""
