"""What runs beside us on this machine, in processes of its own: frameworks, converters, teams of agents."""
