"""The labelled images that a verb works on, and what a model is judged by on them."""
