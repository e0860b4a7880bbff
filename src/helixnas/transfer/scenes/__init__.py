"""Images with masks or boxes: layouts of folders, and batches with joint augmentation."""
