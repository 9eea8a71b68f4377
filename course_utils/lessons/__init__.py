"""One room a lesson, by topic. Nothing in the other rooms imports from here."""
