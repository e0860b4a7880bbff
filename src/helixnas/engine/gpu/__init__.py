"""What makes a GPU fast: compiled layers, CUDA graphs, batches read ahead. Compiling works on a CPU too."""
