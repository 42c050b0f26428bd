"""The door for people: routes, then handlers, then actions, then queries."""
