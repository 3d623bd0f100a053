"""Azure Resource Manager, and what each kind of resource does in it."""
