"""The method: from a file to descriptors, information, selections and what they lose."""
