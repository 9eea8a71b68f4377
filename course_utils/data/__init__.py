"""The data sets of the course: where they are found, fetched and checked, and those that the course draws itself."""
