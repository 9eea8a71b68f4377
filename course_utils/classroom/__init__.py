"""What every lesson is made of: exercises, explorers, predictions, tables, figures."""
