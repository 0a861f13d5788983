"""HTTP: routes, keys, wire forms, problems and metrics, over the ports of core."""
