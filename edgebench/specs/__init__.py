"""What is asked: models, devices, variants and settings, frozen and right from birth."""
