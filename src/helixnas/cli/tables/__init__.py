"""Tables and sentences that the command line prints."""
