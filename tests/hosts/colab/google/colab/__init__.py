"""A stand-in for the package by which a notebook knows that it is on Colab. It can do nothing."""
