"""What the tests share: servers, clients, suites, values. Nothing in here is a test."""
