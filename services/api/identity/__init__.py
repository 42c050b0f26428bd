"""Who is asking: one port, and a file for each way of knowing (`auth.mode`)."""
