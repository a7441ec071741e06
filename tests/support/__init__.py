"""What the end-to-end tests stand on: our program as a child process, servers, clients, peers."""
