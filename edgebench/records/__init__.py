"""What was found: artifacts, evaluations, measurements and the results joined from them."""
