"""The collector on the wire: servicers without logic, and the command's client."""
