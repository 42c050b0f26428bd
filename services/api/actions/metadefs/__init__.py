"""What people and operators do with the catalogue of metadata definitions."""
