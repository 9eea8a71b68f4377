"""Answers to the exercises: one module a lesson. A check never gives the solution away; it says what went wrong."""
