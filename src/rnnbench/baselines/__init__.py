"""What a recurrent network has to beat, one module for each kind of baseline."""
