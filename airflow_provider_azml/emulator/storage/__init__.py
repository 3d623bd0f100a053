"""The storage account: blobs, who may do what with them, and where everything else of the service is in them."""
