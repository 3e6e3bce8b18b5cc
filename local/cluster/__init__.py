"""One embedded cluster: its addresses, certificates, processes, nodes and add-ons."""
