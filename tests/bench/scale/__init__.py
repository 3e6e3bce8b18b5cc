"""How far one control plane reaches."""
