from pipeline.cli import main

if __name__ == "__main__":  # workers of a training import this file again on some systems
    main()
