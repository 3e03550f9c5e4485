"""What joins platforms, without a command line: recipes, stages, costs and runs."""
