"""Great Expectations: from a validation's results to a test-result attestation, with none of the data's values in it."""
