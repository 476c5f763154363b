"""Generated from fleet.proto and control.proto."""
