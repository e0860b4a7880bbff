"""DNA+ (Sec. 3.4): a search repeated under teachers made of its winners; begin reading at `generations.run`."""
