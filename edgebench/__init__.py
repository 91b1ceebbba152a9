"""edgebench: quantize small neural networks, prove what it cost, and measure them on the devices you own."""
