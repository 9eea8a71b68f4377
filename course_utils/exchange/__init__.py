"""The same network elsewhere: NIR, other platforms, converted networks, Nengo."""
