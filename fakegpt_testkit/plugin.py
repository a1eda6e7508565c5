"""The pytest plugin: options, fixtures and the marker. Wires; decides nothing."""
